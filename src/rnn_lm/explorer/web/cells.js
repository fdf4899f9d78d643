(function () {
"use strict";
const E = globalThis.Explorer;
E.tabs = {...E.tabs, cells: {build() {}, begin() {}, show() {}, choose() {}}};
})();
