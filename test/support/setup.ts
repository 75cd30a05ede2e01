// Nest's decorators want the metadata shim before the first class is defined.
import 'reflect-metadata';
