import { Body, Controller, Param, Query } from '@nestjs/common';
import { type ExpectedVersions, IfMatch } from '../platform/api/etag.ts';
import { type Page, PageOf, PageQuery, windowOf } from '../platform/api/page.ts';
import { Route } from '../platform/api/route.ts';
import { ApiKey, CreateApiKey, RotateApiKey } from './api-key.model.ts';
import { ApiKeyService } from './api-key.service.ts';

@Controller()
export class ApiKeyController {
  constructor(private readonly keys: ApiKeyService) {}

  @Route('GET', '/api-keys', { action: 'apiKeys.list', summary: 'Lists keys, newest first.', answers: PageOf(ApiKey) })
  list(@Query() query: PageQuery): Promise<Page<ApiKey>> {
    return this.keys.list(windowOf(query));
  }

  @Route('POST', '/api-keys', {
    action: 'apiKeys.create',
    summary: 'Creates a key. The secret is returned only in this response.',
    status: 201,
    answers: ApiKey,
    idempotent: 'apiKey',
  })
  create(@Body() input: CreateApiKey): Promise<ApiKey> {
    return this.keys.create(input);
  }

  @Route('GET', '/api-keys/:key', { action: 'apiKeys.list', summary: 'Shows a key without its secret.', answers: ApiKey })
  get(@Param('key') reference: string): Promise<ApiKey> {
    return this.keys.get(reference);
  }

  @Route('POST', '/api-keys/:key/rotate', {
    action: 'apiKeys.rotate',
    summary: 'Replaces a key by a new one with the same name and role.',
    status: 201,
    answers: ApiKey,
    idempotent: 'apiKey',
    location: (key: ApiKey) => `/v1/api-keys/${key.id}`,
  })
  rotate(@Param('key') reference: string, @Body() input: RotateApiKey): Promise<ApiKey> {
    return this.keys.rotate(reference, input);
  }

  @Route('DELETE', '/api-keys/:key', { action: 'apiKeys.delete', summary: 'Revokes a key.', status: 204 })
  async delete(@Param('key') reference: string, @IfMatch() expected: ExpectedVersions): Promise<void> {
    await this.keys.delete(reference, expected);
  }
}
