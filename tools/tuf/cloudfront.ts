import type { AwsAccess } from '../config/infra-repo.ts';
import { awsClient, awsFailure } from '../keys/aws-access.ts';

/** Drops the copies that CloudFront's edges keep of some paths. `reference`: the same for the same request, so that a repeated one is no second. @throws BuildError tuf/refused */
export async function invalidate(
  distribution: string,
  request: { readonly paths: readonly string[]; readonly reference: string },
  access: AwsAccess,
): Promise<void> {
  const { CloudFrontClient, CreateInvalidationCommand } = await import('@aws-sdk/client-cloudfront');
  const client = new CloudFrontClient(awsClient({ ...access, region: access.region ?? 'us-east-1' }));
  const { paths, reference } = request;
  const batch = { CallerReference: reference, Paths: { Quantity: paths.length, Items: [...paths] } };
  await client
    .send(new CreateInvalidationCommand({ DistributionId: distribution, InvalidationBatch: batch }))
    .catch((cause: unknown) =>
      Promise.reject(
        awsFailure('tuf/refused', `Cannot drop the copies of CloudFront distribution ${distribution}`, cause),
      ),
    );
}
