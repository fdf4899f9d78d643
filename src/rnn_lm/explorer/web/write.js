(function () {
"use strict";
const E = globalThis.Explorer;
E.tabs = {...E.tabs, write: {build() {}, begin() {}, show() {}, choose() {}}};
})();
