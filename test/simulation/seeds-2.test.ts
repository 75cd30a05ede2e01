import { testGateShare } from './gate.ts';

testGateShare(2);
