// The demo's room as a process of its own, and a browser in front of it.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { chromium } from 'playwright-core';

const START_MS = 60_000;

/** A free port on localhost. */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Starts `custos demo` and waits until it serves; `stop` ends it by its id. */
export async function startRoom(settings = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'custos-browser-'));
  const room = join(folder, 'room');
  const port = await freePort();
  let told = '';
  const log = [];
  const run = (parameters, more) => {
    const started = spawn(process.env.CUSTOS_BIN, parameters, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...settings, ...more },
    });
    started.stdout.on('data', (piece) => (told += piece));
    started.stderr.on('data', (piece) => log.push(String(piece)));
    return started;
  };
  let child = run(['demo', '--folder', room, '--port', String(port)]);
  const origin = `http://localhost:${port}`;
  const stopServing = async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null) {
      child.kill('SIGTERM');
      await ended;
    }
  };
  const stop = async () => {
    await stopServing();
    rmSync(folder, { recursive: true, force: true });
  };
  const answers = async (words) => {
    const deadline = Date.now() + START_MS;
    for (;;) {
      if (child.exitCode !== null || Date.now() > deadline) {
        await stop();
        throw new Error(`the demo did not start:\n${log.join('')}`);
      }
      const answer = await fetch(`${origin}/sign-in`).catch(() => null);
      if (answer?.ok && told.includes(words)) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  await answers('Stop it with');
  /** Serves the room again that was stopped, with further settings. */
  const serve = async (more) => {
    child = run(['serve'], {
      CUSTOS_DATA: join(room, 'data'),
      CUSTOS_KEYS: join(room, 'keys'),
      CUSTOS_HTTP__PORT: String(port),
      CUSTOS_HTTP__ORIGIN: origin,
      CUSTOS_HTTP__CONTENT_ORIGIN: `http://content.localhost:${port}`,
      ...more,
    });
    await answers('');
  };
  const lines = told.split('\n');
  const link = (person) => {
    const at = lines.findIndex((line) => line.includes(person));
    return lines[at + 1].trim();
  };
  return { origin, port, folder: room, link, log, stop, stopServing, serve };
}

/** A browser that reaches nothing but this machine. */
export function startBrowser() {
  return chromium.launch({
    executablePath: process.env.BROWSER_BIN,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
