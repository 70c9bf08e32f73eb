// A server of the npm package ws that compresses, and answers each text with `you said ..` and `bye`. Prints its port.
import { WebSocketServer } from 'ws';

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: { threshold: 0 } });
server.on('listening', () => console.log(server.address().port));
server.on('connection', socket => socket.on('message', data => {
  for (const text of [`you said ${data}`, `and you said ${data} again`, 'bye']) socket.send(text);
}));
process.stdin.on('end', () => process.exit(0)).resume();
