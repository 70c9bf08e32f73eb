// An HTTP/1 server that tells how many connections it had at once, and answers behind the next turn of its loop.
import { createServer } from 'node:http';

let open = 0, most = 0, all = 0;
const server = createServer((request, response) => {
    if (request.url === '/most') return response.end(JSON.stringify({ most, all }));
    setTimeout(() => response.end('x'.repeat(Number(request.url.slice(1)) || 1)), 5);
});
server.on('connection', socket => {
    all++;
    most = Math.max(most, ++open);
    socket.on('close', () => open--);
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
