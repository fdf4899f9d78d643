// Draws each figure when it comes near, and saves figures and results. Where this does not run, pictures stand instead.

const options = { renderer: "svg", actions: false, defaultStyle: false, mode: "vega-lite" };

async function draw(figure) {
  const live = document.createElement("div");
  live.className = "live";
  const picture = figure.querySelector(".picture");
  picture.after(live);
  // The figure must have its width before it is drawn, and keep its height meanwhile so that nothing jumps.
  live.style.minHeight = `${picture.offsetHeight}px`;
  figure.classList.add("drawn");
  try {
    const spec = await specification(figure.querySelector("script"));
    const { view } = await window.vegaEmbed(live, spec, options);
    figure.querySelector("figcaption").append(saveButtons(view, figure.id));
  } catch (error) {
    live.remove();
    figure.classList.remove("drawn");
    console.error(figure.id, error);
  }
  live.style.minHeight = "";
}

async function specification(script) {
  if (script.type === "application/json") return JSON.parse(script.textContent);
  return (await unpacked(script.textContent)).json();
}

function unpacked(base64) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")));
}

function saveButtons(view, name) {
  const group = document.createElement("span");
  group.className = "save";
  for (const type of ["svg", "png"]) {
    const button = document.createElement("button");
    button.textContent = type.toUpperCase();
    button.title = `Save this figure as ${type.toUpperCase()}`;
    button.addEventListener("click", async () => save(await view.toImageURL(type, 2), `${name}.${type}`));
    group.append(button);
  }
  return group;
}

function save(url, name) {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}

// The page holds results.json compressed; where the browser can, it is saved as plain JSON.
async function saveResults(event) {
  if (!("DecompressionStream" in window)) return;
  event.preventDefault();
  const content = await unpacked(event.currentTarget.href.split(",")[1]);
  const url = URL.createObjectURL(await content.blob());
  save(url, "results.json");
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

// Paper gets long tables whole, also from browsers whose style sheets cannot open them.
const folded = [];
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details.whole:not([open])")) {
    details.open = true;
    folded.push(details);
  }
});
addEventListener("afterprint", () => folded.splice(0).forEach((details) => (details.open = false)));

const near = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      draw(target);
    }
  },
  { rootMargin: "800px" },
);
document.querySelectorAll("figure").forEach((figure) => near.observe(figure));
document.querySelector("#download")?.addEventListener("click", saveResults);
