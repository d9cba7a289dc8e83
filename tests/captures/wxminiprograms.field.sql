mysqldump: [Warning] Using a password on the command line interface can be insecure.
-- MySQL dump 10.13  Distrib 5.7.44, for Linux (x86_64)
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
DROP TABLE IF EXISTS `tp_wxminiprograms`;
CREATE TABLE `tp_wxminiprograms` (
  `id` int(11) unsigned NOT NULL AUTO_INCREMENT,
  `uid` int(11) DEFAULT NULL,
  `nick_name` varchar(255) NOT NULL DEFAULT '',
  `func_info` text,
  `authorizer_appid` varchar(32) DEFAULT NULL,
  `authorizer_access_token` varchar(255) DEFAULT NULL,
  `authorizer_expires` int(11) DEFAULT '0',
  `authorizer_refresh_token` varchar(255) DEFAULT NULL,
  `create_time` timestamp NULL DEFAULT NULL COMMENT '授权时间',
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
LOCK TABLES `tp_wxminiprograms` WRITE;
REPLACE INTO `tp_wxminiprograms` VALUES (1,NULL,'shop','["17"]','wx00000000000000b1','49_older',1600000000,'refreshtoken@@@older','2019-01-01 00:00:00'),(2,NULL,'shop; it\'s','a:2:{i:0;i:17;i:1;i:18;}','wx00000000000000b1','50_newer',1700000000,'refreshtoken@@@newer','2020-01-01 19:04:05');
REPLACE INTO `tp_wxminiprograms` VALUES (3,NULL,'café','["17","30"]','wx00000000000000b2','49_cafe',1600000000,'refreshtoken@@@cafe','2020-01-01 19:04:05');
UNLOCK TABLES;
CREATE TABLE `tp_wxminiprogram_audit` (
  `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `appid` varchar(255) NOT NULL COMMENT '小程序appid',
  `auditid` varchar(255) NOT NULL COMMENT '审核编号',
  `status` tinyint(4) DEFAULT '3' COMMENT '审核状态，其中0为审核成功，1为审核失败，2为审核中，3已提交审核',
  `reason` varchar(255) NOT NULL DEFAULT '',
  `create_time` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`)
);
INSERT IGNORE INTO `tp_wxminiprogram_audit` VALUES (21,'wx00000000000000b1','2001',0,'','2020-02-01 00:00:00'),(22,'wx00000000000000b1','2002',3,'','2020-03-01 00:00:00'),(23,'wx00000000000000b1','2003',3,'','2020-04-01 00:00:00'),(24,'wx00000000000000b2','2004',NULL,'','2020-04-01 00:00:00');
CREATE TABLE `tp_wxuser` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `type` tinyint(1) DEFAULT '0',
  `wxname` varchar(60) NOT NULL,
  `wxid` varchar(20) NOT NULL,
  `weixin` varchar(50) NOT NULL,
  `appid` varchar(50) NOT NULL,
  `authorizer_access_token` varchar(255) DEFAULT NULL,
  `authorizer_refresh_token` varchar(255) DEFAULT NULL,
  `authorizer_expires` int(11) DEFAULT '0',
  `createtime` varchar(13) NOT NULL,
  PRIMARY KEY (`id`)
);
INSERT INTO `tp_wxuser` VALUES (1,1,'日报','gh_00000000000b3','daily-paper','wx00000000000000b3','49_paper','refreshtoken@@@paper',1600000000,'1577905445'),(2,0,'by hand','gh_00000000000b4','hand','wx00000000000000b4',NULL,NULL,0,'1577905445');
