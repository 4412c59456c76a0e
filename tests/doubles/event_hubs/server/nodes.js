"use strict";
// The nodes a client attaches to: $cbs, $management, senders' and receivers' addresses.

const { eventsOf, keyIn, types } = require("./wire.js");

const BATCH = 0x80013700;

// Split an address: `amqps://host/<hub>[/ConsumerGroups/<group>][/Partitions/<n>]`.
function parse(address) {
  const path = String(address).replace(/^amqps?:\/\/[^/]*\//, "");
  const [, hub, group, partition] =
    /^([^/]+)(?:\/ConsumerGroups\/([^/]+))?(?:\/Partitions\/([0-9]+))?$/i.exec(path) ?? [];
  return { hub, group, partition: partition === undefined ? null : Number(partition) };
}

function notFound(name) {
  return `The messaging entity '${name}' could not be found.`;
}

function refuse(link, name) {
  link.close({ condition: "amqp:not-found", description: notFound(name), info: {} });
}

class Nodes {
  constructor(state) {
    this.state = state;
  }

  // A client attached a link to send on.
  receive(link) {
    const address = link.remote.attach.target?.address;
    link.set_source(link.remote.attach.source ?? {});
    link.set_target({ address });
    if (address === "$cbs") link.on("message", (context) => this.authorise(context));
    else if (address === "$management") link.on("message", (context) => this.describe(context));
    else this.takePublications(link, parse(address));
  }

  // A client attached a link to receive on.
  send(link) {
    const { source, target } = link.remote.attach;
    link.set_source(source ?? {});
    link.set_target(target ?? {});
    // Event Hubs keeps no account of who has read what: a delivery is settled as it is sent.
    link.local.attach.snd_settle_mode = 1;
    if (source.address === "$cbs" || source.address === "$management") return;
    const { hub: name, group, partition: number } = parse(source.address);
    const hub = this.state.hubs.get(name);
    const partition = hub?.partitions[number];
    if (!partition || !hub.groups.has(group)) {
      refuse(link, source.address);
      return;
    }
    let position = partition.position(source.filter?.["apache.org:selector-filter:string"]);
    const more = () => {
      while (link.is_open() && link.sendable() && position < partition.events.length) {
        link.send(partition.encoded(position++), undefined, 0);
      }
    };
    const over = () => partition.off("more", more);
    partition.on("more", more);
    link.on("sendable", more);
    link.on("sender_close", over);
    link.connection.socket.on("close", over);
  }

  takePublications(link, { hub: name, partition }) {
    const hub = this.state.hubs.get(name);
    if (!hub || (partition !== null && !hub.partitions[partition])) {
      refuse(link, name);
      return;
    }
    this.state.faults.watch(link, hub);
    link.on("message", ({ message, delivery, format }) => {
      const bytes = format === undefined ? message.raw : message;
      const events = format === BATCH ? eventsOf(bytes) : [bytes];
      const key = keyIn(bytes);
      this.state.publications.push({ hub: name, events: events.length, bytes: bytes.length, key });
      this.state.faults.around(hub, link, delivery, () => hub.publish(events, key, partition));
    });
  }

  authorise({ message, connection, delivery }) {
    delivery.accept();
    const { name } = message.application_properties;
    const hub = parse(String(name).replace(/^sb:/, "amqp:")).hub;
    const fault = this.state.faults.take("unauthorised", hub);
    let status = [202, "Accepted"];
    if (fault) status = [401, "the token is not good enough"];
    else if (!this.state.hubs.has(hub)) status = [404, notFound(hub)];
    this.answer(connection, "$cbs", message, status, null);
  }

  describe({ message, connection, delivery }) {
    delivery.accept();
    const { name, type, partition } = message.application_properties;
    const hub = this.state.hubs.get(name);
    const whole = type === "com.microsoft:eventhub";
    const found = hub && (whole ? aboutHub(hub) : aboutPartition(hub, partition));
    const status = found ? [200, "OK"] : [404, notFound(name)];
    this.answer(connection, "$management", message, status, found ?? null);
  }

  answer(connection, node, request, [code, description], body) {
    const link = connection.find_sender((sender) => sender.remote.attach?.source?.address === node);
    link?.send({
      correlation_id: request.message_id,
      application_properties: { "status-code": code, "status-description": description },
      body,
    });
  }
}

function aboutHub(hub) {
  return {
    name: hub.name,
    type: "com.microsoft:eventhub",
    created_at: types.wrap_timestamp(hub.created),
    partition_count: hub.partitions.length,
    partition_ids: hub.partitions.map((_, number) => String(number)),
  };
}

function aboutPartition(hub, number) {
  const partition = hub.partitions[Number(number)];
  if (!partition) return null;
  const { last } = partition;
  return {
    name: hub.name,
    type: "com.microsoft:partition",
    partition: String(number),
    begin_sequence_number: types.wrap_long(partition.nextSequence - partition.events.length),
    last_enqueued_sequence_number: types.wrap_long(last.sequence),
    last_enqueued_offset: String(last.offset),
    last_enqueued_time_utc: types.wrap_timestamp(last.enqueued),
    is_partition_empty: partition.events.length === 0,
  };
}

module.exports = { Nodes };
