/** Sphinx's, on the pages of a book alone. */
declare const DOCUMENTATION_OPTIONS: { SHOW_SEARCH_SUMMARY: boolean } | undefined;

/** What slides.js brings. */
declare const vgpSlides: typeof import("./slides/slides.js");
