/** Cleaning up in the right order: what was made last goes first, as a server must end before its disk is unmounted. */
import type { TestContext } from 'node:test';

type Work = () => Promise<unknown> | unknown;

const workOf = new WeakMap<object, Work[]>();

/** Runs `work` after the test, however that ended, before everything that was registered earlier. */
export function afterwards(test: Pick<TestContext, 'after'>, work: Work): void {
  const known = workOf.get(test);
  if (known !== undefined) {
    known.push(work);
    return;
  }
  const all = [work];
  workOf.set(test, all);
  test.after(async () => {
    const failures: unknown[] = [];
    for (const next of all.reverse()) {
      try {
        await next();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'the test could not be cleaned up');
  });
}

/** Prints what `describe` answers after a test that failed, before anything is cleaned up that was registered earlier. */
export function explainFailure(test: TestContext, describe: () => string): void {
  afterwards(test, () => {
    // In Node since 20.12, but not in the types of 24.
    if (!(test as TestContext & { readonly passed: boolean }).passed) test.diagnostic(describe());
  });
}
