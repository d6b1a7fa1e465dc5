/** What an engine itself says has happened to its images and containers, from the first moment on. */
import { request } from 'node:http';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import * as z from 'zod';
import type { Engine } from '../../../scripts/lab/engine.ts';
import { afterwards } from './afterwards.ts';

/** Engine API, `GET /events`. */
const eventSchema = z.object({
  Type: z.string(),
  Action: z.string(),
  timeNano: z.number(),
  Actor: z.object({ ID: z.string(), Attributes: z.record(z.string(), z.string()) }),
});

export interface EngineEvent {
  /** By the engine's clock. */
  readonly atMs: number;
  /** `pull`, `create`, `start`, `health_status: unhealthy`… */
  readonly action: string;
  /** Of an image: its name with its tag; of a container: the same of its image. */
  readonly image: string;
  /** Of a container: the release that its label names. */
  readonly release: string | null;
  readonly container: string | null;
}

/** The checks themselves would fill the log. */
const FILTERS = {
  type: ['container', 'image'],
  event: ['pull', 'tag', 'import', 'load', 'create', 'start', 'die', 'destroy', 'health_status'],
};

export class EngineWitness {
  readonly #events: EngineEvent[] = [];
  #failure: string | null = null;

  private constructor() {}

  /** Listens until the test is over; the engine must not be restarted meanwhile. */
  static async start(test: Pick<TestContext, 'after'>, engine: Engine): Promise<EngineWitness> {
    const witness = new EngineWitness();
    const path = `/events?filters=${encodeURIComponent(JSON.stringify(FILTERS))}`;
    await new Promise<void>((resolve, reject) => {
      const call = request({ socketPath: engine.socketPath, path, headers: { host: 'docker' } }, (response) => {
        if (response.statusCode !== 200) return reject(new Error(`the engine answers ${response.statusCode}`));
        const lines = createInterface(response);
        lines.on('line', (line) => witness.#note(line));
        // Also raised when the test is over and the request is taken back.
        for (const source of [response, lines]) source.on('error', (error: Error) => witness.#end(error.message));
        response.on('close', () => witness.#end('the engine has ended its stream of events'));
        resolve();
      });
      call.on('error', (error) => {
        witness.#end(error.message);
        reject(error);
      });
      afterwards(test, () => call.destroy());
      call.end();
    });
    return witness;
  }

  #note(line: string): void {
    if (line.trim() === '') return;
    const { Type, Action, timeNano, Actor } = eventSchema.parse(JSON.parse(line));
    const { Attributes: attributes } = Actor;
    const isImage = Type === 'image';
    this.#events.push({
      atMs: timeNano / 1e6,
      action: Action,
      image: isImage ? Actor.ID : (attributes['image'] ?? ''),
      release: attributes['nexus.release'] ?? null,
      container: isImage ? null : (attributes['name'] ?? null),
    });
  }

  #end(why: string): void {
    this.#failure = why;
  }

  /** Throws when the stream has a gap: what was not heard proves nothing. */
  get events(): readonly EngineEvent[] {
    if (this.#failure !== null) throw new Error(`an engine cannot bear witness: ${this.#failure}`);
    return this.#events;
  }
}
