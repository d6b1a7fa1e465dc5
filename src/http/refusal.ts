import type { Answer } from './answer.ts';

/** Ends a request with an answer from anywhere below its handler. */
export class Refusal extends Error {
  readonly answer: Answer;

  constructor(answer: Answer) {
    super(`refused with ${answer.status}`);
    this.answer = answer;
  }
}
