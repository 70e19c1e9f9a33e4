import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { loadConfiguration } from '../src/index.ts';

const load = (text: string, variables: Record<string, string>) =>
  loadConfiguration(
    { sections: { target: z.string() } },
    { file: 'clearway.yaml', variables, readFile: (name) => ({ name, text: `version: 1\n${text}\n` }) },
  ).configuration.target;

describe('values from the environment', () => {
  test('stand where the variable is named', () => {
    expect(load('target: env:TARGET', { TARGET: 'http://a' })).toBe('http://a');
  });

  test('give way to the default when the variable is unset or empty', () => {
    expect(load('target: env:TARGET:-http://b:80', {})).toBe('http://b:80');
    expect(load('target: env:TARGET:-http://b:80', { TARGET: '' })).toBe('http://b:80');
    expect(load('target: env:TARGET:-http://b:80', { TARGET: 'http://a' })).toBe('http://a');
  });

  test('are refused by name when there is neither', () => {
    expect(() => load('target: env:TARGET', {})).toThrow(/clearway\.yaml:2:\d+.*the variable TARGET is not set/);
  });
});
