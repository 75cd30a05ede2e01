import { testGateShare } from './gate.ts';

testGateShare(4);
