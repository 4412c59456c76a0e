"use strict";
// Hubs with partitions, in memory: what was published, in order.

const { createHash } = require("node:crypto");
const { EventEmitter } = require("node:events");

const { annotated, message, types } = require("./wire.js");

// What an event takes in a partition beside its bytes: offsets are no sequence numbers.
const OVERHEAD = 64;

const SELECTOR = /x-opt-(offset|sequence-number|enqueued-time) (>=?) '([^']*)'/;
const FIELD = { offset: "offset", "sequence-number": "sequence", "enqueued-time": "enqueued" };

class Partition extends EventEmitter {
  constructor() {
    super();
    this.setMaxListeners(0);
    this.events = [];
    this.nextSequence = 0;
    this.nextOffset = 0;
    this.last = { sequence: -1, offset: -1, enqueued: 0 };
  }

  append(bytes, key) {
    this.last = {
      sequence: this.nextSequence++, offset: this.nextOffset, enqueued: Date.now(), key, bytes,
    };
    this.events.push(this.last);
    this.nextOffset += bytes.length + OVERHEAD;
  }

  // Return the position of the first event that a receiver's selector lets through.
  position(selector) {
    const found = SELECTOR.exec(selector ?? "");
    if (!found) return this.events.length;
    const [, field, operator, text] = found;
    if (text === "@latest") return this.events.length;
    const name = FIELD[field];
    const from = Number(text);
    const position = this.events.findIndex(
      (event) => (operator === ">=" ? event[name] >= from : event[name] > from),
    );
    return position < 0 ? this.events.length : position;
  }

  encoded(position) {
    const event = this.events[position];
    const annotations = new Map([
      ["x-opt-sequence-number", types.wrap_long(event.sequence)],
      ["x-opt-offset", types.wrap_string(String(event.offset))],
      ["x-opt-enqueued-time", types.wrap_timestamp(event.enqueued)],
    ]);
    if (event.key !== null) annotations.set("x-opt-partition-key", types.wrap_string(event.key));
    return annotated(event.bytes, annotations);
  }
}

class Hub {
  constructor(name, partitions, groups) {
    this.name = name;
    this.created = Date.now();
    this.groups = new Set(groups);
    this.partitions = Array.from({ length: partitions }, () => new Partition());
    this.turn = 0;
  }

  // Append events together, all to one partition: the one asked for, that of the key, or the next.
  publish(events, key, partition) {
    const number = partition ?? this.chosen(key);
    for (const bytes of events) this.partitions[number].append(bytes, key);
    this.partitions[number].emit("more");
  }

  chosen(key) {
    const many = this.partitions.length;
    if (key === null) return this.turn++ % many;
    return createHash("sha256").update(key).digest().readUInt32BE(0) % many;
  }

  // Forget all events as if the hub kept none any longer; numbers go on.
  expire() {
    for (const partition of this.partitions) partition.events = [];
  }

  // Return everything in the hub, for tests to look at.
  contents() {
    return this.partitions.flatMap(({ events }, partition) =>
      events.map(({ bytes, ...event }) => {
        const { body, application_properties: properties } = message.decode(bytes);
        const content = body?.content ?? Buffer.alloc(0);
        const whole = Array.isArray(content) ? Buffer.concat(content) : content;
        const text = whole.toString("base64");
        return { ...event, partition, body: text, properties: properties ?? {} };
      }),
    );
  }
}

module.exports = { Hub };
