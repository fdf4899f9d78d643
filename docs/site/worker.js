// Search runs in a worker, and browsers start none for pages that lie on a disk (file:). There, a hidden frame does its
// work: the same script, the same messages. Nothing is fetched from anywhere.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      const inside = (this.inside = frame.contentWindow);
      const script = (address) =>
        new Promise((loaded, failed) => {
          const element = inside.document.createElement("script");
          Object.assign(element, { src: address, onload: loaded, onerror: failed, async: false });
          inside.document.head.append(element);
        });
      inside.importScripts = (...addresses) => Promise.all(addresses.map(script));
      inside.postMessage = (data) => {
        const event = new MessageEvent("message", { data });
        this.dispatchEvent(event);
        this.onmessage?.(event);
      };
      this.ready = script(url);
    }
    postMessage(data) {
      this.ready.then(() => this.inside.dispatchEvent(new MessageEvent("message", { data })));
    }
    terminate() {
      this.inside.frameElement.remove();
    }
  };
}
