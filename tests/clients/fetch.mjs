// Node's fetch through the proxy of the environment: node fetch.mjs URL..
import { EnvHttpProxyAgent, fetch, setGlobalDispatcher } from 'undici';

setGlobalDispatcher(new EnvHttpProxyAgent());
for (const url of process.argv.slice(2)) {
  try {
    const answer = await fetch(url);
    console.log(answer.status, await answer.text());
  } catch (error) {
    console.log('failed', error.cause?.code ?? error.message);
  }
}
