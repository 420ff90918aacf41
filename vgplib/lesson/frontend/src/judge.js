// @ts-check
import { parseNumber, same } from "./numbers.js";
/** @import { OptionAnswer, Question, Segment, TypedAnswer } from "./types.js" */

/**
 * What is said to an answer: to each chosen option, and below the whole question.
 *
 * @typedef {{right: boolean, options: {at: number, right: boolean, feedback: Segment[]}[],
 *   feedback: Segment[] | null}} Verdict
 */

/**
 * Judge an answer.
 *
 * @param {Question} question
 * @param {unknown} chosen what was answered, or what a store holds in its place
 * @returns {Verdict | null} null where it is no answer to this question (an older bank's, say)
 */
export function judge(question, chosen) {
  if (question.type === "multiple_choice" || question.type === "many_choice")
    return judgeOptions(question, question.type === "many_choice" ? chosen : [chosen]);
  if (typeof chosen !== "string") return null;
  const judgeTyped = question.type === "numeric" ? judgeNumber : judgeText;
  return judgeTyped(question.answers, chosen);
}

/**
 * @param {Question} question
 * @param {unknown} chosen
 * @returns {Verdict | null}
 */
function judgeOptions(question, chosen) {
  const answers = /** @type {OptionAnswer[]} */ (question.answers);
  if (!Array.isArray(chosen) || !chosen.length || new Set(chosen).size < chosen.length) return null;
  if (!chosen.every((k) => Number.isInteger(k) && k in answers)) return null;
  const options = chosen.map((at) => ({
    at,
    right: answers[at].correct,
    feedback: answers[at].feedback,
  }));
  if (question.type === "multiple_choice")
    return { right: options[0].right, options, feedback: null };
  const wanted = answers.filter((answer) => answer.correct).length;
  const found = options.filter((option) => option.right).length;
  const right = found === wanted && options.length === wanted;
  const others = found < options.length ? ", and not all you chose belong" : "";
  const text = right ? "these are all of them." : `${found} of ${wanted} found${others}.`;
  return { right, options, feedback: [{ text }] };
}

/**
 * @param {TypedAnswer[]} answers
 * @param {string} chosen
 * @returns {Verdict | null}
 */
function judgeNumber(answers, chosen) {
  // 12 % is 0.12 where a share is asked for, and 12 where the right answer is above 1.
  const { range, value: exact } = answers.find((answer) => answer.correct) ?? {};
  const inPercent = Math.abs(range ? range[1] : Number(exact)) > 1;
  const value = parseNumber(chosen, inPercent ? "%" : "");
  if (value === null) return null;
  const match = answers.find((answer) => {
    if (answer.type === "value") {
      const wanted = Number(answer.value);
      return Math.abs(value - wanted) <= (answer.tolerance ?? 0) || same(value, wanted);
    }
    if (answer.type === "range" && answer.range)
      return answer.range[0] <= value && value <= answer.range[1];
    return answer.type === "default";
  });
  return verdict(match);
}

/**
 * @param {TypedAnswer[]} answers
 * @param {string} said
 * @returns {Verdict | null}
 */
function judgeText(answers, said) {
  const plain = (/** @type {string} */ s, /** @type {boolean} */ exact) => {
    const text = s.trim().replace(/\s+/g, " ");
    return exact ? text : text.toLowerCase();
  };
  if (!said.trim()) return null;
  const match = answers.find(({ type, answer, match_case = false }) =>
    type === "default" ? true : plain(answer ?? "", match_case) === plain(said, match_case),
  );
  return verdict(match);
}

/**
 * @param {TypedAnswer | undefined} match
 * @returns {Verdict}
 */
const verdict = (match) => ({
  right: match?.correct ?? false,
  options: [],
  feedback: match?.feedback ?? [{ text: "that is not it." }],
});
