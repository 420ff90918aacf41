/** Sphinx's, on the pages of a book alone. */
declare const DOCUMENTATION_OPTIONS: { SHOW_SEARCH_SUMMARY: boolean } | undefined;

/** What slides.js brings. */
declare const vgpSlides: typeof import("./slides/slides.js");
declare const Search:
  | {
      performSearch: (query: string) => void;
      htmlToText: (html: string, anchor?: string) => string;
    }
  | undefined;
