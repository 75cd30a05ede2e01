import { Controller } from '@nestjs/common';
import { Route } from '../platform/api/route.ts';
import { Me } from './me.model.ts';
import { MeService } from './me.service.ts';

@Controller()
export class MeController {
  constructor(private readonly me: MeService) {}

  @Route('GET', '/me', {
    action: 'me.get',
    summary: 'Shows the caller: tenant, key, role, quotas and their use, Pod Security level.',
    answers: Me,
  })
  get(): Promise<Me> {
    return this.me.get();
  }
}
