/** Room for a few at once; the others wait in the order they came. */
export class Semaphore {
  readonly #places: number;
  readonly #holders: string[] = [];
  readonly #waiting: { readonly name: string; readonly begin: () => void }[] = [];

  constructor(places: number) {
    this.#places = places;
  }

  /** Who is at work now, by the names that they gave. */
  get holders(): readonly string[] {
    return [...this.#holders];
  }

  async run<T>(name: string, work: () => Promise<T>): Promise<T> {
    if (this.#holders.length < this.#places) this.#holders.push(name);
    else await new Promise<void>((begin) => this.#waiting.push({ name, begin }));
    try {
      return await work();
    } finally {
      this.#holders.splice(this.#holders.indexOf(name), 1);
      const next = this.#waiting.shift();
      if (next !== undefined) {
        // Its place is taken here: whoever comes before it runs on must not find it free.
        this.#holders.push(next.name);
        next.begin();
      }
    }
  }
}
