// The IPv4 internet's server: HTTP on port 80 (a page, an upload sink that answers with the hash, a large download with
// its hash) and a UDP echo on port 7. Usage: web.js ADDRESS [DOWNLOAD_BYTES]. Says "ready" when all of it listens.
import { createHash, randomFillSync } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:http';
import { isIPv6 } from 'node:net';

const [address = '0.0.0.0', size = '0'] = process.argv.slice(2);
const download = randomFillSync(Buffer.allocUnsafe(Number(size)));
const downloadHash = createHash('sha256').update(download).digest('hex');

const web = createServer((request, response) => {
  const text = (body) => {
    response.setHeader('content-type', 'text/plain');
    response.end(body);
  };
  const path = request.url ?? '/';
  if (path === '/upload') {
    const hash = createHash('sha256');
    let bytes = 0;
    request.on('data', (chunk) => {
      hash.update(chunk);
      bytes += chunk.length;
    });
    request.on('end', () => text(`${hash.digest('hex')} ${bytes}\n`));
  } else if (path === '/download') {
    response.end(download);
  } else if (path === '/download.sha256') {
    text(`${downloadHash}\n`);
  } else if (path === '/drip') {
    // One line every 100 ms until the client goes: a flow that lives through whatever the test does meanwhile.
    let line = 0;
    const timer = setInterval(() => response.write(`${++line}\n`), 100);
    response.on('close', () => clearInterval(timer));
  } else {
    text(`Hello from the IPv4 internet, ${request.socket.remoteAddress}!\n`);
  }
});

const echo = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
echo.on('message', (data, from) => echo.send(data, from.port, from.address));

web.listen(80, address, () => echo.bind(7, address, () => console.log('ready')));
