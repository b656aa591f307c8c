// A resolver whose answers a test decides. Usage: dns64.js ADDRESS CONFIG.json
//
// CONFIG: { prefixes: ["2001:db8:64::/96", …], names: { "name": ["192.0.2.1", …] }, ttl, rcode, silent, raw: { "name": ["v6", …] } }
// A name of `names` has A records; its AAAA are synthesized from every prefix in turn (RFC 6147; /96 only). `raw` gives
// AAAA as they are. rcode: "SERVFAIL" or such for everything; silent: no answers at all. Read again at SIGHUP. Says
// "ready", and `NAME TYPE` for each question. UDP only.
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import dns from 'dns-packet';

const [address, file] = process.argv.slice(2);
const WELL_KNOWN = { 'ipv4only.arpa': ['192.0.0.170', '192.0.0.171'] };
const RCODES = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 };
let config;
const read = () => {
  config = JSON.parse(readFileSync(file, 'utf8'));
};
read();

/** 2001:db8:64::/96 and 192.0.2.33 make 2001:db8:64::192.0.2.33, which the encoder understands. */
const embed = (prefix, v4) => {
  const bytes = v4.split('.').map(Number);
  const words = [bytes[0] * 256 + bytes[1], bytes[2] * 256 + bytes[3]].map((word) => word.toString(16));
  const head = prefix.replace(/::\/96$/, '');
  // A prefix written out in full (six words) leaves nothing for :: to stand for.
  return `${head}${head.split(':').length === 6 ? ':' : '::'}${words.join(':')}`;
};

const answersOf = ({ name, type }) => {
  const key = name.toLowerCase();
  const v4 = { ...WELL_KNOWN, ...config.names }[key] ?? [];
  if (type === 'A') return v4;
  if (type !== 'AAAA') return [];
  return (
    config.raw?.[key] ?? v4.flatMap((one) => (config.prefixes ?? []).map((prefix) => embed(prefix, one)))
  );
};

const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
socket.on('message', (message, from) => {
  const query = dns.decode(message);
  const [question] = query.questions;
  console.log(`${question.name} ${question.type}`);
  if (config.silent) return;
  const ttl = config.ttl ?? 3600;
  const known = question.name.toLowerCase() in { ...WELL_KNOWN, ...config.names, ...config.raw };
  const rcode = RCODES[config.rcode ?? (known ? 'NOERROR' : 'NXDOMAIN')];
  const data = rcode === 0 ? answersOf(question) : [];
  const response = dns.encode({
    type: 'response',
    id: query.id,
    flags: dns.RECURSION_DESIRED | dns.RECURSION_AVAILABLE | rcode,
    questions: query.questions,
    answers: data.map((one) => ({ type: question.type, name: question.name, ttl, data: one })),
  });
  socket.send(response, from.port, from.address);
});
process.on('SIGHUP', () => {
  read();
  console.log('read');
});
socket.bind(53, address, () => console.log('ready'));
