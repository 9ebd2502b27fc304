// The conformance suite has no option for a credential: this is loaded before it and adds one to
// every request, whichever HTTP client it uses.

import channel from 'node:diagnostics_channel';

const value = `Bearer ${process.env.TOKEN}`;

channel.subscribe('undici:request:create', ({ request }) => {
    request.addHeader('authorization', value);
});
channel.subscribe('http.client.request.created', ({ request }) => {
    if (!request.hasHeader('authorization')) {
        request.setHeader('authorization', value);
    }
});
