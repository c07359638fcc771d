//! Parts that the examples of several rules have in common.

/// A role with which ECS pulls images and writes logs. More of its spec can follow.
macro_rules! pull_role {
    () => {
        "
kind: Role
metadata: {name: pull}
spec:
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement:
      Effect: Allow
      Principal: {Service: ecs-tasks.amazonaws.com}
      Action: sts:AssumeRole
      Condition: {StringEquals: {'aws:SourceAccount': '123456789012'}}
  managedPolicyArns: ['arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy']
"
    };
}

/// A cluster and an instance that joins it. Further settings of its agent follow, then its image and its type.
macro_rules! shop {
    () => {
        "
kind: Cluster
metadata: {name: shop}
spec: {}
---
kind: Role
metadata: {name: host}
spec:
  assumeRolePolicyDocument:
    Version: '2012-10-17'
    Statement: {Effect: Allow, Principal: {Service: ec2.amazonaws.com}, Action: sts:AssumeRole}
  managedPolicyArns: ['arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role']
---
kind: InstanceProfile
metadata: {name: host}
spec: {role: '${Role.host}'}
---
kind: Instance
metadata: {name: host}
spec:
  subnetId: subnet-0123456789abcdef0
  securityGroupIds: [sg-0123456789abcdef0]
  iamInstanceProfile: ${InstanceProfile.host}
  metadataOptions: {httpTokens: required, httpPutResponseHopLimit: 2}
  ecsConfig:
    ECS_CLUSTER: ${Cluster.shop}"
    };
}

/// One run of the task definition `till` on instances of that cluster.
macro_rules! run_on_ec2 {
    () => {
        "
---
kind: Task
metadata: {name: count}
spec:
  cluster: ${Cluster.shop}
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
"
    };
}

/// A cluster, and one run of the task definition `till` on Fargate. More of its spec can follow.
macro_rules! run_on_fargate {
    () => {
        "
---
kind: Cluster
metadata: {name: shop}
spec: {}
---
kind: Task
metadata: {name: count}
spec:
  cluster: ${Cluster.shop}
  taskDefinition: ${TaskDefinition.till}
  launchType: FARGATE
  networkConfiguration:
    awsvpcConfiguration: {subnets: [subnet-0123456789abcdef0], securityGroups: [sg-0123456789abcdef0]}"
    };
}
