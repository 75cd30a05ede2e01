import { testGateShare } from './gate.ts';

testGateShare(3);
