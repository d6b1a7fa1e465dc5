/**
 * One kept HTTP/1.1 connection, one request at a time, in as few instructions as that takes: a load generator that is
 * busier than the server measures itself. It understands what the servers here answer (a status, `content-length`).
 */
import { connect, type Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly body: string;
}

export type Target = { readonly host: string; readonly port: number } | { readonly path: string };

export function targetOf(url: string): Target {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

interface Asked {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

export class KeptConnection {
  readonly #target: Target;
  #socket: Socket | null = null;
  #asked: Asked | null = null;
  #received = '';

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
      const socket = connect(this.#target);
      socket.setEncoding('latin1');
      socket.setNoDelay(true);
      socket.on('data', (text: string) => this.#receive(text));
      socket.on('error', (error) => this.#fail(error));
      socket.on('close', () => {
        this.#socket = null;
        this.#fail(new Error('the server closed the connection'));
      });
      socket.once('error', reject);
      socket.once('connect', () => {
        this.#socket = socket;
        resolve(socket);
      });
    });
  }

  /**
   * `head`: request line and headers without `content-length`, each line ended. ASCII bodies only. Connects again when
   * the server has let go of a connection that was idle.
   */
  async ask(head: string, body = ''): Promise<Answer> {
    const socket = this.#socket ?? (await this.#connect());
    return new Promise((resolve, reject) => {
      this.#asked = { resolve, reject };
      const length = body === '' ? '' : `content-length: ${body.length}\r\n`;
      socket.write(`${head}${length}\r\n${body}`, 'latin1');
    });
  }

  #receive(text: string): void {
    this.#received += text;
    const end = this.#received.indexOf('\r\n\r\n');
    if (end === -1) return;
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(this.#received.slice(0, end + 2))?.[1] ?? 0);
    if (this.#received.length < end + 4 + length) return;
    const answer = {
      status: Number(this.#received.slice(9, 12)),
      body: this.#received.slice(end + 4, end + 4 + length),
    };
    this.#received = '';
    const asked = this.#asked;
    this.#asked = null;
    asked?.resolve(answer);
  }

  #fail(error: Error): void {
    const asked = this.#asked;
    this.#asked = null;
    asked?.reject(error);
  }

  close(): void {
    this.#socket?.destroy();
  }
}
