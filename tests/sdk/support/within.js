// Waiting for an event with a deadline. The timer bounds a wait; nothing here is ever waited for by time alone.

export const patience = 20_000;

/** The promise's value, or an error that says what did not happen in time. */
export function within(promise, what, milliseconds = patience) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => {
      const said = typeof what === "function" ? what() : what;
      reject(new Error(`not within ${milliseconds} ms: ${said}`));
    }, milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Things that are added one by one, and waiting for one that fits. */
export class Journal {
  entries = [];
  #waiting = new Set();

  add(entry) {
    this.entries.push(entry);
    for (const look of [...this.#waiting]) look();
  }

  /** Looks again: for entries that change after they were added. */
  changed() {
    for (const look of [...this.#waiting]) look();
  }

  /** Resolves with the first entry that fits, now or later. */
  first(fits, what) {
    return this.until(() => this.entries.find(fits), what);
  }

  /** Resolves with the first truthy answer of `look`, which is asked again with every change. */
  until(look, what) {
    let again;
    const found = new Promise((resolve) => {
      again = () => {
        const answer = look();
        if (answer) resolve(answer);
      };
      this.#waiting.add(again);
      again();
    });
    return within(found, what).finally(() => this.#waiting.delete(again));
  }
}
