/** The operator API as a test drives it: every answer parsed by the schema that promises it. */
import assert from 'node:assert/strict';
import type * as z from 'zod';
import {
  type ContainerBody,
  type ContainerHistoryBody,
  containerHistoryBodySchema,
  containerListBodySchema,
  createdHostBodySchema,
  type HostBody,
  type HostHistoryBody,
  hostBodySchema,
  hostHistoryBodySchema,
  type LogEventBody,
  logEventListBodySchema,
  type MintedTokenBody,
  mintedTokenBodySchema,
  type TokenBody,
  tokenListBodySchema,
} from '../../src/wire/operator.ts';
import type { HttpClient, Reply } from './http-client.ts';

export class Operator {
  readonly client: HttpClient;

  constructor(client: HttpClient) {
    this.client = client;
  }

  send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply> {
    if (body === undefined) return this.client.send({ method, path, headers });
    const typed = { 'content-type': 'application/json', ...headers };
    return this.client.send({ method, path, headers: typed, body: JSON.stringify(body) });
  }

  async #expect<S extends z.ZodType>(status: number, schema: S, reply: Promise<Reply>): Promise<z.output<S>> {
    const answer = await reply;
    assert.equal(answer.status, status, answer.body);
    return schema.parse(JSON.parse(answer.body));
  }

  /** Adds a host with a token for its agent. */
  async addHost(name: string, fields: Record<string, unknown> = {}): Promise<MintedTokenBody> {
    const reply = this.send('POST', '/v1/hosts', { name, token: true, ...fields });
    const { token } = await this.#expect(201, createdHostBodySchema, reply);
    assert(token !== undefined);
    return token;
  }

  host(name: string): Promise<HostBody> {
    return this.#expect(200, hostBodySchema, this.send('GET', `/v1/hosts/${name}`));
  }

  patchHost(name: string, body: unknown): Promise<HostBody> {
    return this.#expect(200, hostBodySchema, this.send('PATCH', `/v1/hosts/${name}`, body));
  }

  archiveHost(name: string): Promise<HostBody> {
    return this.#expect(200, hostBodySchema, this.send('DELETE', `/v1/hosts/${name}`));
  }

  async tokens(name: string): Promise<TokenBody[]> {
    return (await this.#expect(200, tokenListBodySchema, this.send('GET', `/v1/hosts/${name}/tokens`))).tokens;
  }

  createToken(name: string, body: unknown = {}): Promise<MintedTokenBody> {
    return this.#expect(201, mintedTokenBodySchema, this.send('POST', `/v1/hosts/${name}/tokens`, body));
  }

  createAdminToken(body: object = {}): Promise<MintedTokenBody> {
    return this.#expect(201, mintedTokenBodySchema, this.send('POST', '/v1/tokens', { kind: 'admin', ...body }));
  }

  rotateToken(id: string): Promise<MintedTokenBody> {
    return this.#expect(201, mintedTokenBodySchema, this.send('POST', `/v1/tokens/${id}/rotate`));
  }

  async revokeToken(id: string): Promise<void> {
    assert.equal((await this.send('DELETE', `/v1/tokens/${id}`)).status, 200);
  }

  async containers(name: string): Promise<ContainerBody[]> {
    const reply = this.send('GET', `/v1/hosts/${name}/containers`);
    return (await this.#expect(200, containerListBodySchema, reply)).containers;
  }

  async history(name: string, query = ''): Promise<HostHistoryBody> {
    return this.#expect(200, hostHistoryBodySchema, this.send('GET', `/v1/hosts/${name}/metrics${query}`));
  }

  async containerHistory(name: string, containerId: string, query = ''): Promise<ContainerHistoryBody> {
    const path = `/v1/hosts/${name}/containers/${encodeURIComponent(containerId)}/metrics${query}`;
    return this.#expect(200, containerHistoryBodySchema, this.send('GET', path));
  }

  async events(query = ''): Promise<LogEventBody[]> {
    return (await this.#expect(200, logEventListBodySchema, this.send('GET', `/v1/events${query}`))).events;
  }
}
