// HAR by others. node har.mjs validate FILE | shown FILE URL | playwright FILE URL | chrome FILE URL
import { createRequire } from 'node:module';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

const require = createRequire(import.meta.url);
const [, , what, file, url] = process.argv;
const executablePath = [
  process.env.HOLDUP_CHROMIUM,
  '/usr/lib/chromium/chromium-headless-shell',
  '/usr/lib/chromium/chromium',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
].find((path) => path && existsSync(path));

async function browse(options, visit) {
  const server = process.env.HTTPS_PROXY;
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'], proxy: server ? { server } : undefined });
  const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options });
  const page = await context.newPage();
  await visit(page, context);
  await context.close();
  await browser.close();
}

const opened = async (page) => {
  await page.goto(url);
  // The page says so when it has everything.
  await page.waitForFunction(() => document.title === 'done');
};

if (what === 'validate') {
  // The schema of HAR 1.2.
  await require('har-validator').har(JSON.parse(readFileSync(file, 'utf8')));
  console.log('valid');
} else if (what === 'shown') {
  // What a page shows when Playwright answers from a HAR.
  await browse({}, async (page) => {
    await page.routeFromHAR(file, { notFound: 'abort' });
    await page.goto(url);
    await page.waitForFunction(() => document.title === 'done');
    console.log(await page.textContent('#out'));
  });
} else if (what === 'playwright') {
  // A `.zip` has the bodies in files of their own.
  await browse({ recordHar: { path: file } }, opened);
} else if (what === 'chrome') {
  // By the events of DevTools' protocol, as Chrome's own export.
  const { harFromMessages } = require('chrome-har');
  const messages = [];
  await browse({}, async (page, context) => {
    const session = await context.newCDPSession(page);
    const events = ['Page.loadEventFired', 'Page.domContentEventFired', 'Page.frameStartedLoading', 'Page.frameAttached',
      'Page.frameScheduledNavigation', 'Network.requestWillBeSent', 'Network.requestServedFromCache', 'Network.dataReceived',
      'Network.responseReceived', 'Network.resourceChangedPriority', 'Network.loadingFinished', 'Network.loadingFailed',
      'Network.requestWillBeSentExtraInfo', 'Network.responseReceivedExtraInfo', 'Network.webSocketCreated',
      'Network.webSocketWillSendHandshakeRequest', 'Network.webSocketHandshakeResponseReceived',
      'Network.webSocketFrameSent', 'Network.webSocketFrameReceived', 'Network.webSocketClosed'];
    const bodies = [];
    for (const method of events) {
      session.on(method, (params) => {
        messages.push({ method, params });
        if (method !== 'Network.loadingFinished') return;
        const body = session.send('Network.getResponseBody', { requestId: params.requestId }).then((response) => {
          const of = messages.find((it) => it.method === 'Network.responseReceived' && it.params.requestId === params.requestId);
          if (of) Object.assign(of.params.response, { body: response.body, encoding: response.base64Encoded ? 'base64' : undefined });
        });
        bodies.push(body.catch(() => {}));
      });
    }
    await session.send('Page.enable');
    await session.send('Network.enable');
    await opened(page);
    await Promise.all(bodies);
  });
  writeFileSync(file, JSON.stringify(harFromMessages(messages, { includeTextFromResponseBody: true })));
} else {
  throw new Error(`what is ${what}?`);
}
