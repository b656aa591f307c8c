/** A second thread with an instance of the addon of its own. */
import { Worker } from 'node:worker_threads';
import { addonFile } from '../../../src/io/native.ts';

/**
 * Runs the body of a function of (native, say) in a thread; `native` is the addon, `say` posts a message. The thread
 * stays until its body has nothing more to do, or `stop`.
 */
export class Thread {
  readonly ended: Promise<number>;
  #worker: Worker;
  #said: unknown[] = [];
  #listeners: ((message: unknown) => void)[] = [];

  constructor(body: string) {
    const code = `
      const { parentPort } = require('node:worker_threads');
      const native = require(${JSON.stringify(addonFile())});
      const say = (message) => parentPort.postMessage(message);
      ${body}`;
    this.#worker = new Worker(code, { eval: true });
    this.#worker.on('message', (message) => {
      const listener = this.#listeners.shift();
      if (listener === undefined) this.#said.push(message);
      else listener(message);
    });
    this.ended = new Promise((resolve, reject) => {
      this.#worker.once('exit', resolve);
      this.#worker.once('error', reject);
    });
  }

  /** The next message. */
  hear(): Promise<unknown> {
    if (this.#said.length > 0) return Promise.resolve(this.#said.shift());
    return Promise.race([
      new Promise((resolve) => this.#listeners.push(resolve)),
      this.ended.then(() => {
        if (this.#said.length > 0) return this.#said.shift();
        throw new Error('the thread ended without a word');
      }),
    ]);
  }

  stop(): Promise<number> {
    return this.#worker.terminate();
  }
}
