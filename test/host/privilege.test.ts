/** What this process may do, and what is said where that is too little. */
import { expect, test } from 'vitest';
import { identityIn, lackingPrivilege } from '../../src/host/privilege.ts';

test('the user and the capabilities of /proc/self/status', () => {
  const status = (uid: number, capabilities: string) =>
    `Name:\tnode\nUid:\t1000\t${uid}\t${uid}\t${uid}\nCapPrm:\t000001ffffffffff\nCapEff:\t${capabilities}\n`;
  expect(identityIn(status(0, '000001ffffffffff'))).toEqual({ uid: 0, netAdmin: true, netRaw: true });
  expect(identityIn(status(7, '0000000000001000'))).toEqual({ uid: 7, netAdmin: true, netRaw: false });
  expect(identityIn(status(7, '0000000000002000'))).toEqual({ uid: 7, netAdmin: false, netRaw: true });
  expect(identityIn('')).toEqual({ uid: -1, netAdmin: false, netRaw: false });
});

test.each([
  [{ uid: 1000, netAdmin: false, netRaw: false }, /^needs root \(CAP_NET_ADMIN\): start it with sudo/],
  [{ uid: 0, netAdmin: false, netRaw: true }, /^needs CAP_NET_ADMIN, .*--cap-add NET_ADMIN/],
])('without the privilege: %j', (identity, said) => expect(lackingPrivilege(identity)).toMatch(said));
test.each([
  [{ uid: 1000, netAdmin: true, netRaw: false }],
  [{ uid: 0, netAdmin: true, netRaw: true }],
  [null],
])('with it, or where it cannot be known: %j', (identity) => expect(lackingPrivilege(identity)).toBeNull());
