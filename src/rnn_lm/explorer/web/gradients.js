(function () {
"use strict";
const E = globalThis.Explorer;
E.tabs = {...E.tabs, gradients: {build() {}, begin() {}, show() {}, choose() {}}};
})();
