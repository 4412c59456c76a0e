"use strict";
// What azure-eventhub needs beyond the AMQP standard, on top of rhea.

const frames = require("rhea/lib/frames.js");
const message = require("rhea/lib/message.js");
const types = require("rhea/lib/types.js");

// The client reads the fields of a frame by position: trailing ones must be there, even as nulls.
const FIELDS = {
  open: 10, begin: 8, attach: 14, flow: 11, transfer: 11,
  disposition: 6, detach: 3, end: 1, close: 1,
};

for (const [name, fields] of Object.entries(FIELDS)) {
  const create = frames[name];
  frames[name] = (given) => {
    const frame = create(given);
    for (let index = 0; index < fields; index++) {
      if (frame.value[index] === undefined) frame.value[index] = types.Null();
    }
    return frame;
  };
}

// rhea decodes an ordinary message before anybody sees its bytes, and we pass bytes on untouched.
const decode = message.decode;
message.decode = (bytes) => {
  const decoded = decode(bytes);
  Object.defineProperty(decoded, "raw", { value: bytes });
  return decoded;
};

const HEADER = 0x70;
const DELIVERY_ANNOTATIONS = 0x71;
const MESSAGE_ANNOTATIONS = 0x72;
const DATA = 0x75;

// Yield the sections of an encoded message: what each is, its value, its bytes.
function* sections(bytes) {
  const reader = new types.Reader(bytes);
  while (reader.remaining()) {
    const start = reader.position;
    const section = reader.read();
    yield {
      code: Number(section.descriptor.value),
      value: section,
      bytes: bytes.subarray(start, reader.position),
    };
  }
}

// Return the partition key in the annotations of an encoded message, or null.
function keyIn(bytes) {
  for (const { code, value } of sections(bytes)) {
    if (code === MESSAGE_ANNOTATIONS) {
      return types.unwrap_map_simple(value)["x-opt-partition-key"] ?? null;
    }
  }
  return null;
}

// Return the events of a batch: each data section of its body is an encoded message.
function eventsOf(batch) {
  return [...sections(batch)]
    .filter(({ code }) => code === DATA)
    .map(({ value }) => Buffer.from(value.value));
}

// Return an encoded message with other annotations: a Map from their names to typed values.
function annotated(bytes, annotations) {
  const header = [];
  const rest = [];
  for (const { code, bytes: part } of sections(bytes)) {
    if (code === HEADER) header.push(part);
    else if (code !== DELIVERY_ANNOTATIONS && code !== MESSAGE_ANNOTATIONS) rest.push(part);
  }
  const writer = new types.Writer();
  const map = types.wrap_symbolic_map(Object.fromEntries(annotations));
  writer.write(types.described_nc(types.wrap_ulong(MESSAGE_ANNOTATIONS), map));
  return Buffer.concat([...header, writer.toBuffer(), ...rest]);
}

module.exports = { annotated, eventsOf, keyIn, message, types };
