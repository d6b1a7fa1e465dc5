import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dataDirectoryOf, operatorSocketOf } from '../../../src/cli/operator/data-directory.ts';
import { memoryTerminal } from '../memory-terminal.ts';

describe('the data directory', () => {
  it('is the flag before NEXUS_DATA', () => {
    const terminal = memoryTerminal({ env: { NEXUS_DATA: '/from/env' } });
    assert.equal(dataDirectoryOf('/from/flag', terminal), '/from/flag');
    assert.equal(dataDirectoryOf(undefined, terminal), '/from/env');
  });

  it('is absolute', () => {
    assert.equal(dataDirectoryOf('data', memoryTerminal()), `${process.cwd()}/data`);
  });

  it('is the system folder for root', () => {
    assert.equal(dataDirectoryOf(undefined, memoryTerminal({ env: { NEXUS_DATA: '' } }), 0), '/var/lib/nexus');
  });

  it('is in the home of everyone else, even with an empty environment', () => {
    assert.match(dataDirectoryOf(undefined, memoryTerminal(), 1000), /^\/.+\/\.local\/state\/nexus$/);
  });

  it('follows XDG_STATE_HOME where it is absolute', () => {
    const inside = (value: string) => {
      return dataDirectoryOf(undefined, memoryTerminal({ env: { XDG_STATE_HOME: value } }), 1000);
    };
    assert.equal(inside('/state'), '/state/nexus');
    assert.match(inside('state'), /\.local\/state\/nexus$/);
  });

  it('holds the socket', () => assert.equal(operatorSocketOf('/data'), '/data/nexus.sock'));
});
