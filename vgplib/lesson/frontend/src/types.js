// @ts-check
/**
 * The shapes of what Python sends; they are stated in vgplib/lesson and only named here.
 *
 * @typedef {{text?: string, code?: string, em?: string, strong?: string, math?: MathTree,
 *   href?: string}} Segment  a piece of prose; a list of them is a sentence
 * @typedef {[string, Record<string, string>, ...(MathTree | string)[]]} MathTree
 * @typedef {number | "nan" | "inf" | "-inf"} Num  JSON has no NaN and no infinity
 *
 * @typedef {{label: string, domain: [Num, Num], log?: boolean, whole?: boolean,
 *   names?: string[], floor?: string, reverse?: boolean}} Axis
 * @typedef {{name: string, kind: "line" | "bar", role: "main" | "second" | "theory",
 *   x: Num[], y: Num[], low?: Num[], high?: Num[], seat?: number}} Series  seat: which look it
 *   has among several options
 * @typedef {{label: string, text: string, tone: string, value?: Num, note?: string,
 *   percent?: boolean}} Readout
 * @typedef {{label: string, cells: Num[], count: string, slots: number,
 *   ends: [string, string]}} Strip
 * @typedef {{at: Num[], cells: Num[][], counts: string[]}} Film  the strip at several moments
 * @typedef {{name?: string, readouts: Readout[], strip?: Strip, film?: Film}} Row
 * @typedef {Row & {x: Axis, y: Axis, series: Series[], summary: string, rows?: Row[]}} Frame
 *   rows: of several options, one each; then there is one series for each, too
 * @typedef {{frame: Frame, words: string}} Past  what stood there earlier, and what it is called
 *
 * @typedef {string | number | boolean | null | string[]} Value
 * @typedef {Record<string, Value>} Settings
 * @typedef {{name: string, label: Segment[], kind: "choice",
 *   options: {value: string, label: string}[], most?: number}} Choice  most: how
 *   many options can be shown at once, where that can be several (the value is then a list)
 * @typedef {{name: string, label: Segment[], kind: "slider", values: number[], labels: string[],
 *   unit: string, whole: boolean, log: boolean, step: number}} Slider
 * @typedef {Choice | Slider} Control
 *
 * @typedef {{expect: Segment[], ask: Segment[]}} Room  what an instructor is told of a prediction
 * @typedef {{id: string, question: Segment[], options: Segment[][], answer: number,
 *   because: Segment[], show: Settings, room?: Room}} ChoicePrediction  id: under which a guess is
 *   remembered; show: the setting that answers it
 * @typedef {{id: string, question: Segment[], because: Segment[], show: Settings, room?: Room,
 *   numeric: {value: Num, text: string, percent: boolean, log: boolean, unit: string}}}
 *   NumericPrediction  text: the value as the bench writes it
 * @typedef {{id: string, experiment: string, number: string | null, title: string,
 *   source: string, controls: Control[], initial: Settings, fixed: Settings,
 *   predict: ChoicePrediction | NumericPrediction | null, caption: Segment[]}} BenchSpec
 * @typedef {{state: "idle" | "busy" | "error", message: string}} Status
 *
 * @typedef {{answer: Segment[], correct: boolean, feedback: Segment[]}} OptionAnswer
 * @typedef {{type?: string, value?: number, tolerance?: number, range?: [number, number],
 *   answer?: string, match_case?: boolean, correct?: boolean, feedback: Segment[]}} TypedAnswer
 * @typedef {{href: string, text: string}} Link
 * @typedef {{id: string, type: "multiple_choice" | "many_choice" | "numeric" | "string",
 *   question: Segment[], hint?: Segment[], section?: Link, bench?: Link,
 *   answers: any[]}} Question
 * @typedef {{id: string, chapter: string, title: string, questions: Question[]}} QuizSpec
 * @typedef {{id: string, quizzes: {chapter: string, title: string, href: string,
 *   questions: Question[]}[]}} RepeatSpec
 * @typedef {number | number[] | string} Chosen  what a reader answered
 * @typedef {"holds" | "depends" | "false"} Vote  what a reader says to a claim
 *
 * @typedef {"guess" | "fairly" | "certain"} Sure  how sure a reader is of a diagnosis
 * @typedef {{tries: {said: string, sure: Sure}[], up: boolean}} Diagnosed  what a reader said of a
 *   patient, first things first; up: they gave it up
 * @typedef {{id: string, truth: string, said: Record<string, string>, story: Segment[]}} Patient
 *   said: what its evidence says to each diagnosis
 * @typedef {{id: string, number: string | null, title: string, seed: string | null,
 *   rooms: [BenchSpec, BenchSpec], diagnoses: {value: string, label: string}[],
 *   patients: Patient[]}} ClinicSpec  rooms: where a patient is examined, and where it is treated;
 *   the first control of both is the patient
 *
 * @typedef {{get(name: string): any, set(name: string, value: any): void, save_changes(): void,
 *   send(content: any): void,
 *   on(event: string, callback: () => void): void,
 *   off(event: string, callback: () => void): void, widget_manager?: any}} Model  as anywidget
 *   has it
 */

export {};
