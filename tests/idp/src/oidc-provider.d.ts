// What we use of the package, which brings no types of its own.
declare module 'oidc-provider' {
    import type { RequestListener } from 'node:http';

    export interface Account {
        accountId: string;
        claims(): Record<string, unknown>;
    }

    export class Provider {
        constructor(issuer: string, configuration: Record<string, unknown>);
        callback(): RequestListener;
    }

    export default Provider;
}
