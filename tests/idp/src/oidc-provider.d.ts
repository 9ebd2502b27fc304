// What we use of the package, which brings no types of its own.
declare module 'oidc-provider' {
    import type { RequestListener } from 'node:http';

    export interface Account {
        accountId: string;
        claims(): Record<string, unknown>;
    }

    export interface Client {
        clientId: string;
    }

    export class Provider {
        constructor(issuer: string, configuration: Record<string, unknown>);
        callback(): RequestListener;
        Client: { find(id: string): Promise<Client> };
        Grant: new (of: Record<string, unknown>) => {
            addOIDCScope(scope: string): void;
            addResourceScope(resource: string, scope: string): void;
            save(): Promise<string>;
        };
        RefreshToken: new (of: Record<string, unknown>) => { save(): Promise<string> };
    }

    export default Provider;
}
