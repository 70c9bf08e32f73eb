// An HTTP/2 server with TLS, which also takes HTTP/1: says what it was asked.
import { createSecureServer } from 'node:http2';
import { readFileSync } from 'node:fs';

const options = { key: readFileSync('key'), cert: readFileSync('certificate'), allowHTTP1: process.argv[2] !== 'http2' };
const server = createSecureServer(options, (request, response) => {
    request.resume();
    request.on('end', () => {
        const { httpVersion, method, url, headers, authority } = request;
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ httpVersion, method, url, authority, host: headers.host, headers }));
    });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
