// The npm package ws through the proxy of the environment: node socket.mjs URL says `hello`, and prints what it hears.
import { HttpsProxyAgent } from 'https-proxy-agent';
import WebSocket from 'ws';

const socket = new WebSocket(process.argv[2], { agent: new HttpsProxyAgent(process.env.HTTPS_PROXY) });
console.log('compressed:', await new Promise(open => socket.on('open', () => open(socket.extensions !== ''))));
socket.on('message', data => { console.log(`${data}`); if (`${data}` === 'bye') socket.close(4000, 'enough'); });
socket.on('error', error => console.log('failed', error.message));
socket.on('close', code => { console.log('closed', code); process.exit(0); });
socket.send('hello');
