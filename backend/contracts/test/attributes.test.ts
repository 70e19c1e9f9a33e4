import { expect, test } from '@jest/globals';
import { attributesOf, attributeValue } from '../src/index.ts';

test('every kind of OTLP value has its plain value', () => {
  expect(attributeValue({ stringValue: '' })).toBe('');
  expect(attributeValue({ boolValue: false })).toBe(false);
  expect(attributeValue({ intValue: '-5' })).toBe(-5);
  expect(attributeValue({ doubleValue: 'NaN' })).toBeNaN();
  expect(attributeValue({ bytesValue: 'AQI=' })).toBe('AQI=');
  expect(attributeValue({})).toBeNull();
  const nested = { kvlistValue: { values: [{ key: 'a', value: { arrayValue: { values: [{ intValue: '1' }] } } }] } };
  expect(attributeValue(nested)).toEqual({ a: [1] });
});

test('a key called __proto__ is a key like any other', () => {
  const attributes = attributesOf([{ key: '__proto__', value: { stringValue: 'x' } }]);
  expect(Object.keys(attributes)).toEqual(['__proto__']);
  expect(Object.getPrototypeOf(attributes)).toBe(Object.prototype);
});
