export { bucketOf, mergeCounts, percentiles, type BucketCounts } from './metrics/histogram.ts';
