// An HTTP/1 server that says what it was asked, byte for byte where names and spellings matter.
import { createServer } from 'node:http';

const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => {
        const { httpVersion, method, url, headers, rawHeaders } = request;
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ httpVersion, method, url, headers, rawHeaders }));
    });
});
// As servers do that compare instead of reading the field as a list.
server.on('upgrade', (request, socket) => {
    const good = request.rawHeaders[request.rawHeaders.indexOf('Connection') + 1] === 'Upgrade';
    socket.end(good
        ? 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nwelcome'
        : 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n');
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
