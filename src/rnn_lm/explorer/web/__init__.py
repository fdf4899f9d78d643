"""The page: plain JavaScript, each file a function of its own that adds to ``globalThis.Explorer``.

index.html, page.css    what is there, and how it looks
source.js               asks the server, or the answers and models that a written page carries
scales.js               numbers to colours, for eyes of every kind, and what is made of elements
matching.js             units that are on, places with the same pattern, sorting: typed arrays, no page
read.js, cells.js, gradients.js, write.js    a tab each
main.js                 the text, the models, the tabs
"""
