-- MySQL dump 10.13  Distrib 5.7.44, for Linux (x86_64)
/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET NAMES utf8mb4 */;
DROP TABLE IF EXISTS `wxminiprograms`;
CREATE TABLE `wxminiprograms` (
  `id` int(11) unsigned NOT NULL AUTO_INCREMENT,
  `uid` int(11) DEFAULT NULL COMMENT 'user''s id; see `users`',
  `nick_name` varchar(255) COLLATE utf8mb4_unicode_ci NOT NULL DEFAULT '',
  `is_show` tinyint(1) NOT NULL DEFAULT '0',
  `func_info` text COLLATE utf8mb4_unicode_ci,
  `miniprograminfo` text COLLATE utf8mb4_unicode_ci,
  `authorizer_appid` varchar(32) DEFAULT NULL,
  `authorizer_access_token` varchar(255) DEFAULT NULL,
  `authorizer_expires` int(11) DEFAULT '0',
  `authorizer_refresh_token` varchar(255) DEFAULT NULL,
  `create_time` datetime DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  KEY `uid` (`uid`) USING BTREE
) ENGINE=InnoDB AUTO_INCREMENT=5 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
LOCK TABLES `wxminiprograms` WRITE;
/*!40000 ALTER TABLE `wxminiprograms` DISABLE KEYS */;
INSERT INTO `wxminiprograms` VALUES (1,7,'It\'s \"tea\" \\ 😀; a\nline',1,'[17,18]','{\"network\":{}}','wx00000000000000a1','49_teateateateateateateatea',1600000000,'refreshtoken@@@tea','2020-01-02 03:04:05'),(2,8,'shop',0,'[{\"funcscope_category\":{\"id\":1}}]',NULL,'wx00000000000000a2',NULL,0,NULL,'0000-00-00 00:00:00'),(3,NULL,'third',0,'17,18',NULL,'wx00000000000000a3','49_thirdthirdthirdthirdthird',-1,'refreshtoken@@@third','2021-01-02 03:04:05');
INSERT INTO `wxminiprograms` VALUES (4,0,'no appid',0,NULL,NULL,'',NULL,0,NULL,NULL);
/*!40000 ALTER TABLE `wxminiprograms` ENABLE KEYS */;
UNLOCK TABLES;
CREATE TABLE `wxminiprogram_audit` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `appid` varchar(32) NOT NULL,
  `auditid` bigint(20) NOT NULL,
  `status` tinyint(4) NOT NULL,
  `reason` text,
  `create_time` int(11) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=MyISAM DEFAULT CHARSET=utf8;
INSERT INTO `wxminiprogram_audit` VALUES (11,'wx00000000000000a1',1001,1,'1: the button<br>2: does nothing',1600000000),(12,'wx00000000000000a1',1002,2,'',1600000100),(13,'wxffffffffffffffff',1003,0,'',1600000000),(14,'wx00000000000000a1',1004,4,'',1600000200);
INSERT INTO `somebody_elses` VALUES (1,'not read; at all');
DELIMITER ;;
CREATE TRIGGER t BEFORE INSERT ON `somebody_elses` FOR EACH ROW BEGIN SET NEW.a = 1; END;;
DELIMITER ;
