import { InvalidArgumentError } from 'commander';
import { expect, test } from 'vitest';
import {
  audioSpecValue,
  nameValue,
  personNameValue,
  secondsValue,
  wholeNumberValue,
} from '../../bin/commands/usage.ts';

const audio = audioSpecValue('/home/alice');

test.each([
  ['default', 'default'],
  ['none', 'none'],
  ['device:USB Headset', 'device:USB Headset'],
  ['file:in.wav', 'file:/home/alice/in.wav'],
  ['file:,out.wav', 'file:,/home/alice/out.wav'],
  ['file:../in.wav,/tmp/out.wav', 'file:/home/in.wav,/tmp/out.wav'],
  ['file:in.wav,', 'file:/home/alice/in.wav,'],
  ['socket:run/audio', 'socket:/home/alice/run/audio'],
])('the audio SPEC %s reaches the agent as %s', (typed, meant) => expect(audio(typed)).toBe(meant));

test.each(['', 'loud', 'device:', 'socket:', 'file:a,b,c', 'DEFAULT'])('the audio SPEC "%s" is refused', (typed) => {
  expect(() => audio(typed)).toThrow(InvalidArgumentError);
});

test('names follow the rules of the network; people and services differ in length', () => {
  expect(nameValue('bobby1')).toBe('bobby1');
  expect(nameValue('echo')).toBe('echo');
  expect(() => personNameValue('echo')).toThrow(InvalidArgumentError);
  for (const bad of ['1bobby', 'bob by1', '', 'x'.repeat(33)])
    expect(() => nameValue(bad)).toThrow(InvalidArgumentError);
});

test('seconds are positive, at most a day, and may be broken', () => {
  expect(secondsValue('0.5')).toBe(0.5);
  for (const bad of ['0', '-1', '1e3', 'soon', '', '86401', 'Infinity']) {
    expect(() => secondsValue(bad)).toThrow(InvalidArgumentError);
  }
});

test('whole numbers keep to their bounds', () => {
  const upTo50 = wholeNumberValue(1, 50);
  expect(upTo50('50')).toBe(50);
  for (const bad of ['0', '51', '1.5', '0x10', '']) expect(() => upTo50(bad)).toThrow(InvalidArgumentError);
});
