"""S3: buckets, and objects that are written and deleted under conditions."""

import base64
import hashlib
import zlib

from case import check

HERE = {"LocationConstraint": "us-west-2"}


def bucket(t, what="x"):
    """A bucket of the check's own, by its name; what it holds goes with it."""
    name = f"farpost-{t.name(what)}"
    t.later(t.s3.delete_bucket, Bucket=name)
    t.s3.create_bucket(Bucket=name, CreateBucketConfiguration=HERE)
    return name


def put(t, name, key="a", body=b"one", **more):
    """The ETag of an object that is put."""
    t.later(t.s3.delete_object, Bucket=name, Key=key)
    return t.s3.put_object(Bucket=name, Key=key, Body=body, **more)["ETag"]


def text(t, name, key="a"):
    return t.s3.get_object(Bucket=name, Key=key)["Body"].read()


@check("s3.bucket.create")
def _(t):
    name = f"farpost-{t.name()}"
    t.later(t.s3.delete_bucket, Bucket=name)
    got = t.s3.create_bucket(Bucket=name, CreateBucketConfiguration=HERE)
    assert name in got["Location"], got
    t.has(t.s3.head_bucket(Bucket=name), {"BucketRegion": "us-west-2"})
    assert name in [one["Name"] for one in t.s3.list_buckets()["Buckets"]]


@check("s3.bucket.twice")
def _(t):
    name = bucket(t)
    t.fails("BucketAlreadyOwnedByYou", t.s3.create_bucket, status=409, Bucket=name, CreateBucketConfiguration=HERE)


@check("s3.bucket.twice-in-us-east-1")
def _(t):
    name = f"farpost-{t.name()}"
    t.later(t.s3_us_east_1.delete_bucket, Bucket=name)
    t.s3_us_east_1.create_bucket(Bucket=name)
    t.s3_us_east_1.create_bucket(Bucket=name)


@check("s3.bucket.location")
def _(t):
    name = f"farpost-{t.name()}"
    t.fails("IllegalLocationConstraintException", t.s3.create_bucket, status=400, Bucket=name)
    other = {"LocationConstraint": "eu-central-1"}
    t.fails("IllegalLocationConstraintException", t.s3.create_bucket, Bucket=name, CreateBucketConfiguration=other)
    east = {"LocationConstraint": "us-east-1"}
    codes = ("InvalidLocationConstraint", "IllegalLocationConstraintException")
    t.fails(codes, t.s3_us_east_1.create_bucket, Bucket=name, CreateBucketConfiguration=east)


@check("s3.bucket.name")
def _(t):
    for name in ("Capital", "under_score", "192.168.5.4", "-dash", "xn--x"):
        t.fails("InvalidBucketName", t.raw("s3").create_bucket, status=400, Bucket=name, CreateBucketConfiguration=HERE)


@check("s3.bucket.missing")
def _(t):
    name = f"farpost-{t.name()}"
    t.fails("404", t.s3.head_bucket, status=404, Bucket=name)
    for call in (t.s3.delete_bucket, t.s3.list_objects_v2):
        t.fails("NoSuchBucket", call, status=404, message="The specified bucket does not exist", Bucket=name)
    for call in (t.s3.get_object, t.s3.delete_object, t.s3.put_object):
        t.fails("NoSuchBucket", call, status=404, Bucket=name, Key="a")


@check("s3.bucket.not-empty")
def _(t):
    name = bucket(t)
    put(t, name)
    t.fails("BucketNotEmpty", t.s3.delete_bucket, status=409, Bucket=name)
    t.s3.delete_object(Bucket=name, Key="a")
    t.eq(t.s3.delete_bucket(Bucket=name)["ResponseMetadata"]["HTTPStatusCode"], 204)
    t.fails("404", t.s3.head_bucket, Bucket=name)


@check("s3.bucket.elsewhere")
def _(t):
    name = f"farpost-{t.name()}"
    t.later(t.s3_eu_central_1.delete_bucket, Bucket=name)
    t.s3_eu_central_1.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    # botocore goes where the answer points to, and is answered there.
    t.has(t.s3.head_bucket(Bucket=name), {"BucketRegion": "eu-central-1"})


@check("s3.bucket.pages")
def _(t):
    names = [bucket(t, f"p{number}") for number in range(3)]
    mine = {"Prefix": f"farpost-{t.prefix}-p", "MaxBuckets": 2}
    first = t.s3.list_buckets(**mine)
    t.eq(first["Prefix"], mine["Prefix"])
    rest = t.s3.list_buckets(**mine, ContinuationToken=first["ContinuationToken"])
    t.eq([one["Name"] for page in (first, rest) for one in page["Buckets"]], names)
    assert "ContinuationToken" not in rest, rest


@check("s3.object.etag")
def _(t):
    name = bucket(t)
    wanted = f'"{hashlib.md5(b"one").hexdigest()}"'
    t.eq(put(t, name), wanted, "of PutObject")
    got = t.s3.get_object(Bucket=name, Key="a")
    t.has(got, {"ETag": wanted, "ContentLength": 3, "AcceptRanges": "bytes"})
    t.eq(got["Body"].read(), b"one")
    t.has(t.s3.head_object(Bucket=name, Key="a"), {"ETag": wanted, "ContentLength": 3})


@check("s3.object.last-writer")
def _(t):
    name = bucket(t)
    put(t, name)
    put(t, name, body=b"two")
    t.eq(text(t, name), b"two")


@check("s3.object.metadata")
def _(t):
    name = bucket(t)
    put(t, name, ContentType="application/json", CacheControl="no-store", Metadata={"who": "me"})
    wanted = {"ContentType": "application/json", "CacheControl": "no-store", "Metadata": {"who": "me"}}
    t.has(t.s3.get_object(Bucket=name, Key="a"), wanted)
    t.has(t.s3.head_object(Bucket=name, Key="a"), wanted)


@check("s3.object.default-type")
def _(t):
    name = bucket(t)
    put(t, name)
    t.eq(t.s3.head_object(Bucket=name, Key="a")["ContentType"], "binary/octet-stream")


@check("s3.object.bytes-and-names")
def _(t):
    name = bucket(t)
    body = bytes(range(256))
    for key in ("a/b c", "ä+1", "a//b", "%41"):
        put(t, name, key, body)
        t.eq(text(t, name, key), body, key)


@check("s3.object.missing")
def _(t):
    name = bucket(t)
    t.fails("NoSuchKey", t.s3.get_object, status=404, message="The specified key does not exist.", Bucket=name, Key="a")
    t.fails("404", t.s3.head_object, status=404, Bucket=name, Key="a")
    t.eq(t.s3.delete_object(Bucket=name, Key="a")["ResponseMetadata"]["HTTPStatusCode"], 204, "of a delete")


@check("s3.object.long-key")
def _(t):
    t.fails("KeyTooLongError", t.s3.put_object, status=400, Bucket=bucket(t), Key="k" * 1025)


@check("s3.if-none-match.put")
def _(t):
    name = bucket(t)
    put(t, name, IfNoneMatch="*")
    message = "At least one of the pre-conditions you specified did not hold"
    refused = t.fails("PreconditionFailed", t.s3.put_object, status=412, message=message, Bucket=name, Key="a", Body=b"two", IfNoneMatch="*")
    t.eq(refused["Error"]["Condition"], "If-None-Match")
    t.eq(text(t, name), b"one")
    t.s3.delete_object(Bucket=name, Key="a")
    put(t, name, body=b"three", IfNoneMatch="*")


@check("s3.if-none-match.only-a-star")
def _(t):
    t.fails("NotImplemented", t.s3.put_object, status=501, Bucket=bucket(t), Key="a", Body=b"x", IfNoneMatch='"0123"')


@check("s3.if-match.put")
def _(t):
    name = bucket(t)
    first = put(t, name)
    second = t.s3.put_object(Bucket=name, Key="a", Body=b"two", IfMatch=first)["ETag"]
    refused = t.fails("PreconditionFailed", t.s3.put_object, status=412, Bucket=name, Key="a", Body=b"three", IfMatch=first)
    t.eq(refused["Error"]["Condition"], "If-Match")
    t.eq(text(t, name), b"two")
    t.s3.put_object(Bucket=name, Key="a", Body=b"four", IfMatch=second.strip('"'))


@check("s3.if-match.put-missing")
def _(t):
    t.fails("NoSuchKey", t.s3.put_object, status=404, Bucket=bucket(t), Key="a", Body=b"x", IfMatch='"0123"')


@check("s3.if-match.delete")
def _(t):
    name = bucket(t)
    first = put(t, name)
    second = put(t, name, body=b"two")
    t.fails("PreconditionFailed", t.s3.delete_object, status=412, Bucket=name, Key="a", IfMatch=first)
    t.s3.delete_object(Bucket=name, Key="a", IfMatch=second)
    t.fails("NoSuchKey", t.s3.delete_object, status=404, Bucket=name, Key="a", IfMatch=second)


@check("s3.if-match.delete-any")
def _(t):
    name = bucket(t)
    put(t, name)
    t.s3.delete_object(Bucket=name, Key="a", IfMatch="*")
    t.fails("404", t.s3.head_object, Bucket=name, Key="a")
    t.fails("NoSuchKey", t.s3.delete_object, status=404, Bucket=name, Key="a", IfMatch="*")


@check("s3.conditions.of-reads")
def _(t):
    name = bucket(t)
    etag = put(t, name)
    t.fails("PreconditionFailed", t.s3.get_object, status=412, Bucket=name, Key="a", IfMatch='"0123"')
    t.eq(t.s3.get_object(Bucket=name, Key="a", IfMatch=etag)["ETag"], etag)
    t.fails("304", t.s3.get_object, status=304, Bucket=name, Key="a", IfNoneMatch=etag)
    t.fails("304", t.s3.head_object, status=304, Bucket=name, Key="a", IfNoneMatch=etag)


@check("s3.expected-owner")
def _(t):
    name = bucket(t)
    put(t, name)
    account = t.sts.get_caller_identity()["Account"]
    t.s3.get_object(Bucket=name, Key="a", ExpectedBucketOwner=account)
    other = {"Bucket": name, "ExpectedBucketOwner": "210987654321"}
    for call in (t.s3.get_object, t.s3.delete_object, t.s3.put_object):
        t.fails("AccessDenied", call, status=403, Key="a", **other)
    t.fails("403", t.s3.head_bucket, status=403, **other)


@check("s3.checksums.sent-and-shown")
def _(t):
    name = bucket(t)
    wanted = base64.b64encode(zlib.crc32(b"one").to_bytes(4)).decode()
    got = t.s3.put_object(Bucket=name, Key="a", Body=b"one")
    t.later(t.s3.delete_object, Bucket=name, Key="a")
    t.has(got, {"ChecksumCRC32": wanted, "ChecksumType": "FULL_OBJECT"}, "of PutObject")
    t.eq(t.s3.get_object(Bucket=name, Key="a", ChecksumMode="ENABLED")["ChecksumCRC32"], wanted)
    put(t, name, "b", ChecksumAlgorithm="SHA256")
    wanted = base64.b64encode(hashlib.sha256(b"one").digest()).decode()
    t.eq(t.s3.head_object(Bucket=name, Key="b", ChecksumMode="ENABLED")["ChecksumSHA256"], wanted)


@check("s3.checksums.wrong")
def _(t):
    name = bucket(t)
    t.fails("BadDigest", t.s3.put_object, status=400, Bucket=name, Key="a", Body=b"one", ChecksumCRC32="AAAAAA==")
    md5 = base64.b64encode(hashlib.md5(b"two").digest()).decode()
    t.fails("BadDigest", t.s3.put_object, status=400, Bucket=name, Key="a", Body=b"one", ContentMD5=md5)
    t.fails("404", t.s3.head_object, Bucket=name, Key="a")


@check("s3.list.order-and-pages")
def _(t):
    name = bucket(t)
    for key in ("b", "a/2", "a/1", "c", "B"):
        put(t, name, key)
    first = t.s3.list_objects_v2(Bucket=name, MaxKeys=3)
    t.has(first, {"Name": name, "KeyCount": 3, "MaxKeys": 3, "IsTruncated": True, "Prefix": ""})
    rest = t.s3.list_objects_v2(Bucket=name, MaxKeys=3, ContinuationToken=first["NextContinuationToken"])
    t.has(rest, {"KeyCount": 2, "IsTruncated": False})
    t.eq([one["Key"] for page in (first, rest) for one in page["Contents"]], ["B", "a/1", "a/2", "b", "c"])
    wanted = {"ETag": f'"{hashlib.md5(b"one").hexdigest()}"', "Size": 3, "StorageClass": "STANDARD"}
    t.has(first["Contents"][0], wanted)
    assert "NextContinuationToken" not in rest and "Owner" not in rest["Contents"][0], rest
    after = t.s3.list_objects_v2(Bucket=name, StartAfter="a/2")
    t.eq([one["Key"] for one in after["Contents"]], ["b", "c"])


@check("s3.list.delimiter")
def _(t):
    name = bucket(t)
    for key in ("x/a/1", "x/a/2", "x/b", "x/c/3", "y"):
        put(t, name, key)
    below = {"Bucket": name, "Prefix": "x/", "Delimiter": "/"}
    got = t.s3.list_objects_v2(**below)
    t.eq([one["Key"] for one in got["Contents"]], ["x/b"])
    t.eq([one["Prefix"] for one in got["CommonPrefixes"]], ["x/a/", "x/c/"])
    t.eq(got["KeyCount"], 3)
    seen, token = [], {}
    for _ in range(3):
        page = t.s3.list_objects_v2(**below, MaxKeys=1, **token)
        seen += [one["Prefix"] for one in page.get("CommonPrefixes", [])] + [one["Key"] for one in page.get("Contents", [])]
        token = {"ContinuationToken": page.get("NextContinuationToken", "")}
    t.eq(seen, ["x/a/", "x/b", "x/c/"])


@check("s3.list.odd-names")
def _(t):
    name = bucket(t)
    put(t, name, "ä & <b>+%")
    t.eq([one["Key"] for one in t.s3.list_objects_v2(Bucket=name)["Contents"]], ["ä & <b>+%"])


@check("s3.list.empty-and-owner")
def _(t):
    name = bucket(t)
    got = t.s3.list_objects_v2(Bucket=name)
    t.has(got, {"KeyCount": 0, "IsTruncated": False})
    assert "Contents" not in got, got
    put(t, name)
    assert t.s3.list_objects_v2(Bucket=name, FetchOwner=True)["Contents"][0]["Owner"]["ID"]
