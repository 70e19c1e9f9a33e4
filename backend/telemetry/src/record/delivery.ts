/** What became of the spans of a record. */
export type DeliveryState = 'pending' | 'delivered' | 'lost';

/** The fate that all records of one export share; whoever shows their trace ids looks at it. */
export interface Delivery {
  state: DeliveryState;
}

/** Of spans that were never sent: dropped at a bound, or not exported at all. */
export const LOST: Readonly<Delivery> = Object.freeze({ state: 'lost' });
