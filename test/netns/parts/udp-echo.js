// Sends datagrams of the given sizes to a UDP echo and says for each whether the same bytes came back.
// Usage: udp-echo.js ADDRESS PORT SIZE... Prints one line `SIZE ok|lost|damaged` each; exit status 1 unless all are ok.
import { randomFillSync } from 'node:crypto';
import { createSocket } from 'node:dgram';

const [address, port, ...sizes] = process.argv.slice(2);
const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');

/** Three tries of one second: an echo lost while a neighbour is being resolved is no failure of the translator. */
async function exchange(size) {
  for (let attempt = 0; attempt < 3; attempt++) {
    const sent = randomFillSync(Buffer.allocUnsafe(size));
    const answer = new Promise((resolve) => {
      const timer = setTimeout(() => resolve(null), 1000);
      socket.once('message', (data) => {
        clearTimeout(timer);
        resolve(data);
      });
    });
    socket.send(sent, Number(port), address);
    const received = await answer;
    socket.removeAllListeners('message');
    if (received !== null) return received.equals(sent) ? 'ok' : 'damaged';
  }
  return 'lost';
}

let failed = false;
for (const size of sizes.map(Number)) {
  const outcome = await exchange(size);
  failed ||= outcome !== 'ok';
  console.log(`${size} ${outcome}`);
}
socket.close();
process.exitCode = failed ? 1 : 0;
