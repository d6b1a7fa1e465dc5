import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseListeners } from '../../../agent/kernel/parse-listeners.ts';

const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 24813 1 0000000000000000
   1: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   104        0 20117 1 0000000000000000
   2: 0500630A:D3C2 0100630A:01BB 01 00000000:00000000 00:00000000 00000000  1000        0 31121 1 0000000000000000
`;
const TCP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue
   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000
   1: 00000000000000000000000001000000:0277 00000000000000000000000000000000:0000 0A 00000000:00000000
`;
const UDP = `   sl  local_address rem_address   st tx_queue rx_queue
  101: 3500007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 18001 2 0000000000000000 0
`;

test('/proc/net/tcp: ports that are listened on, with their addresses; connections are none', () => {
  assert.deepEqual(parseListeners(TCP, 'tcp'), [
    { protocol: 'tcp', port: 8080, address: null },
    { protocol: 'tcp', port: 5432, address: '127.0.0.1' },
  ]);
});

test('/proc/net/tcp6: an address that is not every one is told apart by its digits', () => {
  assert.deepEqual(parseListeners(TCP6, 'tcp'), [
    { protocol: 'tcp', port: 80, address: null },
    { protocol: 'tcp', port: 631, address: '00000000000000000000000001000000' },
  ]);
});

test('/proc/net/udp: bound sockets', () => {
  assert.deepEqual(parseListeners(UDP, 'udp'), [{ protocol: 'udp', port: 53, address: '127.0.0.53' }]);
});

test('lines of another form are left out', () => {
  assert.deepEqual(parseListeners('nonsense\n  0: XYZ:1 0 0A\n\n', 'tcp'), []);
});
