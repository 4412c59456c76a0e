"use strict";
// What goes wrong on order. Each fault befalls so many publications (or tokens) of its hub.

class Faults {
  constructor() {
    this.waiting = [];
  }

  // Return the next fault of a kind that is due for a hub, and count it as used.
  take(kind, hub) {
    const fault = this.waiting.find((one) => one.kind === kind && (!one.hub || one.hub === hub));
    if (fault && fault.after-- > 0) return undefined;
    if (fault && --fault.times <= 0) this.waiting.splice(this.waiting.indexOf(fault), 1);
    return fault;
  }

  // Let a connection be cut at the first frame of a publication, before the rest of it came.
  watch(link, hub) {
    const { session, connection } = link;
    const pass = link.session.on_transfer;
    session.on_transfer = (frame) => {
      const to = session.remote.handles[frame.performative.handle];
      const first = to === link && !link._incomplete;
      if (first && this.take("drop_before", hub.name)) connection.socket.destroy();
      else pass.call(session, frame);
    };
  }

  // Carry out a publication and settle it, unless something is to go wrong.
  around(hub, link, delivery, publish) {
    const refused = this.take("refuse", hub.name);
    if (refused) {
      delivery.reject({ condition: refused.condition, description: refused.description, info: {} });
      return;
    }
    publish();
    if (this.take("drop_after", hub.name)) {
      link.connection.socket.destroy();
      return;
    }
    const slow = this.take("slow", hub.name);
    if (slow) setTimeout(() => delivery.accept(), slow.delay_s * 1000).unref();
    else delivery.accept();
  }
}

module.exports = { Faults };
