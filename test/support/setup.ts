// Nest's decorators need the metadata shim before the first class is defined.
import 'reflect-metadata';
