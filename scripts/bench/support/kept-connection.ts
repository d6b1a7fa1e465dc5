/**
 * One kept HTTP/1.1 connection, one request at a time, in as few instructions as that takes: a load generator that is
 * busier than the server measures itself. It understands what the servers here answer (a status, `content-length`).
 */
import { connect, type Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  /** 0 where the server did not say. */
  readonly retryAfterSeconds: number;
  readonly body: string;
}

export type Target = { readonly host: string; readonly port: number } | { readonly path: string };

export function targetOf(url: string): Target {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

/** Who waits for an answer. The same one can be given to every {@link KeptConnection.send}. */
export interface Asker {
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

/** Received bytes are copied out of it at once, so a small one does. */
const RECEIVE_BYTES = 4096;
const HEAD_END = '\r\n\r\n';
const CLOSING = /\r\nconnection: close/i;
const NO_CONTENT_LINE = Buffer.from('HTTP/1.1 204 ', 'latin1');
const NO_CONTENT: Answer = { status: 204, retryAfterSeconds: 0, body: '' };

function headerNumber(head: string, name: string): number {
  return Number(new RegExp(`\\r\\n${name}: (\\d+)`, 'i').exec(head)?.[1] ?? 0);
}

/** Head and body together; null while the head is not whole. */
function lengthOf(received: string): number | null {
  const end = received.indexOf(HEAD_END);
  return end === -1 ? null : end + HEAD_END.length + headerNumber(received.slice(0, end), 'content-length');
}

/** Whether these bytes are the whole of a 204: nearly every answer is one, and is then never made a string. */
function isNoContent(bytes: Buffer, length: number): boolean {
  if (bytes[length - 1] !== 10 || bytes[length - 2] !== 13 || bytes[length - 3] !== 10) return false;
  return bytes.compare(NO_CONTENT_LINE, 0, NO_CONTENT_LINE.length, 0, NO_CONTENT_LINE.length) === 0;
}

export class KeptConnection {
  readonly #target: Target;
  #socket: Socket | null = null;
  #asked: Asker | null = null;
  #received = '';
  /** Of the answer that is being received: how much it takes, once its head is known. */
  #wanted: number | null = null;

  private constructor(target: Target) {
    this.#target = target;
  }

  static async open(target: Target): Promise<KeptConnection> {
    const connection = new KeptConnection(target);
    await connection.#connect();
    return connection;
  }

  #connect(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const receive = (length: number, buffer: Uint8Array): boolean => {
        this.#receive(buffer as Buffer, length);
        return true;
      };
      const socket = connect({
        ...this.#target,
        noDelay: true,
        onread: { buffer: Buffer.allocUnsafeSlow(RECEIVE_BYTES), callback: receive },
      });
      socket.on('error', (error) => {
        reject(error);
        this.#lose(socket, error);
      });
      socket.on('close', () => this.#lose(socket, new Error('the server closed the connection')));
      socket.once('connect', () => {
        this.#socket = socket;
        resolve(socket);
      });
    });
  }

  /** Whether a request is unanswered, or answered before all of it was sent: its bytes must not change then. */
  get isBusy(): boolean {
    return this.#asked !== null || (this.#socket?.writableLength ?? 0) > 0;
  }

  /**
   * A whole request, encoded. Connects again when the server has let go of a connection that was idle. The bytes belong
   * to the connection until it {@link isBusy} no more.
   */
  send(request: Buffer, asker: Asker): void {
    this.#asked = asker;
    if (this.#socket !== null) this.#socket.write(request);
    else
      this.#connect().then(
        (socket) => socket.write(request),
        (error: Error) => this.#fail(error),
      );
  }

  /** As {@link send}, for who asks one thing after the other. */
  post(request: Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => this.send(request, { resolve, reject }));
  }

  /** `head`: request line and headers without `content-length`, each line ended. ASCII bodies only. */
  ask(head: string, body = ''): Promise<Answer> {
    const length = body === '' ? '' : `content-length: ${body.length}\r\n`;
    return this.post(Buffer.from(`${head}${length}\r\n${body}`, 'latin1'));
  }

  #receive(bytes: Buffer, length: number): void {
    if (this.#received === '' && isNoContent(bytes, length)) return this.#answer(NO_CONTENT);
    this.#received += bytes.toString('latin1', 0, length);
    this.#wanted ??= lengthOf(this.#received);
    // Not looked into before it is whole: each look would copy what has come so far of a long answer.
    if (this.#wanted === null || this.#received.length < this.#wanted) return;
    const end = this.#received.indexOf(HEAD_END);
    const head = this.#received.slice(0, end);
    const status = Number(head.slice(9, 12));
    const body = this.#received.slice(end + HEAD_END.length, this.#wanted);
    this.#forget();
    if (CLOSING.test(head)) this.close();
    this.#answer({ status, retryAfterSeconds: headerNumber(head, 'retry-after'), body });
  }

  #forget(): void {
    this.#received = '';
    this.#wanted = null;
  }

  #answer(answer: Answer): void {
    const asked = this.#asked;
    this.#asked = null;
    asked?.resolve(answer);
  }

  /** Of a connection that was given up already nothing matters any more. */
  #lose(socket: Socket, error: Error): void {
    if (this.#socket !== socket) return;
    this.#socket = null;
    this.#forget();
    this.#fail(error);
  }

  #fail(error: Error): void {
    const asked = this.#asked;
    this.#asked = null;
    asked?.reject(error);
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = null;
  }
}
